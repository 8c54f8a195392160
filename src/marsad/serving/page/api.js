// The description of the API, by Swagger UI.

SwaggerUIBundle({ url: "openapi.json", dom_id: "#api", deepLinking: true });
